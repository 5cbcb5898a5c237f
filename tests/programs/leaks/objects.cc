/*
 * objects.cc - stories of C++ objects: shared pointers in a circle, strings and vectors
 * that grow, objects with virtual functions. Bytes are -1 where the library decides. What
 * is held is never destroyed: a static object would be before the scan.
 */
#include "story.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shapes
{
struct Shape {
	virtual ~Shape() = default;
	virtual double area() const = 0;
};

struct Circle : Shape {
	double radius = 1;
	double area() const override
	{
		return 3 * radius * radius;
	}
};

struct Labelled {
	virtual ~Labelled() = default;
	long label = 0;
};

struct Square : Shape, Labelled {
	double side = 2;
	double area() const override
	{
		return side * side;
	}
};
} // namespace shapes

struct Node {
	std::shared_ptr<Node> other;
	char text[40] = "";
};

static NOINLINE void story_shared_cycle()
{
	auto one = std::make_shared<Node>();
	auto two = std::make_shared<Node>();
	one->other = two;
	two->other = one;
	expect("definite", 1, -1);
	expect("indirect", 1, -1);
}

/* Control blocks of their own: node, its counts, and so on. */
static NOINLINE void story_shared_cycle_in_four()
{
	std::shared_ptr<Node> one(new Node), two(new Node);
	one->other = two;
	two->other = one;
	expect("definite", 1, -1);
	expect("indirect", 3, -1);
}

static NOINLINE void story_unique()
{
	auto freed = std::make_unique<Node>();
	freed->text[0] = 'x';
}

static NOINLINE void story_string_growth()
{
	static std::string &text = *new std::string;
	for (int i = 0; i < 10000; i++)
		text += "word ";
	expect("reachable", 2, -1);
}

static NOINLINE void story_lost_string()
{
	auto *volatile lost = new std::string(100, 'x');
	if (!lost)
		abort();
	lost = nullptr;
	expect("definite", 1, sizeof(std::string));
	expect("indirect", 1, 101);
}

/* It points into its own middle. */
static NOINLINE void story_lost_short_string()
{
	auto *volatile lost = new std::string("short");
	if (!lost)
		abort();
	lost = nullptr;
	expect("definite", 1, sizeof(std::string));
}

static NOINLINE void story_vector_growth()
{
	static std::vector<long> &numbers = *new std::vector<long>;
	for (long i = 0; i < 10000; i++)
		numbers.push_back(i);
	expect("reachable", 2, -1);
}

static NOINLINE void story_lost_vector()
{
	auto *volatile lost = new std::vector<std::string>(10, std::string(50, 'y'));
	if (!lost)
		abort();
	lost = nullptr;
	expect("definite", 1, sizeof(std::vector<std::string>));
	expect("indirect", 11, 10 * sizeof(std::string) + 10 * 51);
}

/* The second base of a square is no base of a shape: both vtables lead to its class. */
static NOINLINE void story_types()
{
	using Shapes = std::vector<std::unique_ptr<shapes::Shape>>;
	static Shapes &all = *new Shapes;
	all.reserve(8);
	for (int i = 0; i < 5; i++)
		all.push_back(std::make_unique<shapes::Circle>());
	for (int i = 0; i < 3; i++)
		all.push_back(std::make_unique<shapes::Square>());
	expect("reachable", 10,
	       sizeof(Shapes) + 8 * sizeof(void *) + 5 * sizeof(shapes::Circle) +
		       3 * sizeof(shapes::Square));
}

static NOINLINE void story_map()
{
	static auto &names = *new std::map<int, std::string>;
	for (int i = 0; i < 100; i++)
		names[i] = std::string(40, 'z');
	expect("reachable", 201, -1);
}

static Node *volatile nodes;

/* All that is kept is where the first element would be: behind their number, which is 0. */
static NOINLINE void story_empty_array()
{
	volatile size_t none = 0;
	nodes = new Node[none];
	expect("reachable", 1, sizeof(size_t));
}

int main(int argc, char **argv)
{
	static const struct story stories[] = {
		{"shared-cycle", story_shared_cycle},
		{"shared-cycle-in-four", story_shared_cycle_in_four},
		{"unique", story_unique},
		{"string-growth", story_string_growth},
		{"lost-string", story_lost_string},
		{"lost-short-string", story_lost_short_string},
		{"vector-growth", story_vector_growth},
		{"lost-vector", story_lost_vector},
		{"types", story_types},
		{"map", story_map},
		{"empty-array", story_empty_array},
		{nullptr, nullptr},
	};
	find_story(stories, argc, argv)();
	return 0;
}
