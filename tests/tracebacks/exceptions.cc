/*
 * exceptions.cc - C++ exceptions through many frames: allocations in destructors while the
 * stack is unwound, in handlers, in what is thrown, and within functions that are called
 * from there. Arguments: number of exceptions, seed.
 */
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#define NOINLINE __attribute__((noinline))

static uint64_t state_of_random;

static uint32_t pick(uint32_t n)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(state_of_random >> 33) % n;
}

static volatile size_t after;

static NOINLINE void event(uint32_t n)
{
	std::unique_ptr<char[]> block(new char[n % 600 + 1]);
	after += (size_t)block[n % 2];
}

struct guest {
	std::string name;
	int depth;
	explicit guest(int depth_) : name(20 + pick(40), 'x'), depth(depth_)
	{
	}
	NOINLINE ~guest()
	{
		event((uint32_t)depth);
		try {
			if (depth % 7 == 0)
				throw std::string(50,
						  'd'); /* while another is under way */
		} catch (const std::string &text) {
			after += text.size();
			event(3);
		}
	}
};

static NOINLINE void descend(int depth, bool throws);

static NOINLINE void descend_aligned(int depth, bool throws)
{
	alignas(64) volatile char space[128];
	space[depth & 63] = 1;
	guest here(depth);
	descend(depth - 1, throws);
	after += (size_t)space[depth & 63];
}

static NOINLINE void descend_with_array(int depth, bool throws)
{
	volatile char *space = (volatile char *)__builtin_alloca(16 + pick(200));
	space[0] = 1;
	std::vector<guest> some;
	for (uint32_t i = pick(3); i > 0; i--)
		some.emplace_back(depth);
	descend(depth - 1, throws);
	after += (size_t)space[0];
}

static NOINLINE void rethrows(int depth, bool throws)
{
	try {
		descend(depth - 1, throws);
	} catch (...) {
		event((uint32_t)depth);
		guest here(depth);
		throw;
	}
}

static NOINLINE void nests(int depth, bool throws)
{
	try {
		descend(depth - 1, throws);
	} catch (const std::exception &) {
		event((uint32_t)depth);
		std::throw_with_nested(std::runtime_error(std::string(30, 'n')));
	}
}

static NOINLINE void descend(int depth, bool throws)
{
	event((uint32_t)depth);
	if (depth <= 0) {
		if (throws)
			throw std::runtime_error(std::string(10 + pick(50), 't'));
		return;
	}
	switch (pick(5)) {
	case 0:
		return descend_aligned(depth, throws);
	case 1:
		return descend_with_array(depth, throws);
	case 2:
		return rethrows(depth, throws);
	case 3:
		return nests(depth, throws);
	default:
		guest here(depth);
		descend(depth - 1, throws);
		event(1);
	}
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000;
	state_of_random = (argc > 2 ? strtoull(argv[2], nullptr, 0) : 1) | 1;
	for (long i = 0; i < count; i++) {
		try {
			descend(5 + (int)pick(35), pick(4) != 0);
		} catch (const std::exception &e) {
			std::string copy = e.what();
			after += copy.size();
			descend(4, false);
		}
	}
	return 0;
}
