/*
 * C++ with templates, lambdas and functions without linker name, inlined many deep.
 */
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace shop
{
template <class T> struct Shelf {
	std::vector<T> items;

	void put(T item)
	{
		items.push_back(std::move(item));
	}

	template <class F> void each(F f)
	{
		for (auto &i : items)
			f(i);
	}
};

namespace
{
__attribute__((noinline)) std::string label(int n)
{
	return std::to_string(n) + "!";
}
} // namespace

struct Till {
	virtual ~Till()
	{
	}

	virtual long total(const Shelf<int> &shelf) const;
};

long Till::total(const Shelf<int> &shelf) const
{
	long sum = 0;
	for (int i : shelf.items)
		sum += i;
	return sum;
}
} // namespace shop

static std::function<int(int)> adder(int n)
{
	return [n](int x) { return x + n; };
}

int main(int argc, char **)
{
	shop::Shelf<int> numbers;
	shop::Shelf<std::string> names;
	std::map<std::string, int> index;
	for (int i = 0; i < argc * 3; i++) {
		numbers.put(i);
		names.put(shop::label(i));
		index[names.items.back()] = adder(i)(argc);
	}
	std::sort(numbers.items.begin(), numbers.items.end(),
		  [](int a, int b) { return a > b; });
	long sum = shop::Till().total(numbers);
	names.each([&](const std::string &name) { sum += index[name]; });
	return static_cast<int>(sum);
}
