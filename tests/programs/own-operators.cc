// own-operators.cc - a library with C++ operators of its own, bound to itself (-Wl,-Bsymbolic),
// and a program that deletes what the library made, and the other way round. With -DPLUGIN: the
// library. With an argument, the library's malloc is deleted: wrong all the same.
#include <cstdlib>
#include <new>
#include <string>

std::string *make(bool is_wrong);
void take(std::string *given, int *array);

#ifdef PLUGIN
void *operator new(std::size_t size)
{
	void *p = std::malloc(size);
	return p ? p : throw std::bad_alloc();
}

void operator delete(void *p) noexcept
{
	std::free(p);
}

void operator delete(void *p, std::size_t) noexcept
{
	std::free(p);
}

std::string *make(bool is_wrong)
{
	if (is_wrong)
		return new (std::malloc(sizeof(std::string))) std::string();
	return new std::string(100, 'x');
}

void take(std::string *given, int *array)
{
	delete given;
	delete[] array;
}
#else
int main(int argc, char **)
{
	delete make(argc > 1);
	take(new std::string(200, 'y'), new int[100]());
	return 5;
}
#endif
