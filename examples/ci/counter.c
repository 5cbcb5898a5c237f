/*
 * counter.c - an extension module to gate: counter.tidy(text) counts the letters of a
 * text, counter.leaky(text) too, but keeps its copy of it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

static long count_letters(const char *text)
{
	long count = 0;
	for (; *text; text++)
		count += (*text | 32) >= 'a' && (*text | 32) <= 'z';
	return count;
}

static PyObject *counter_tidy(PyObject *self, PyObject *args)
{
	const char *text;
	if (!PyArg_ParseTuple(args, "s", &text))
		return NULL;
	char *copy = strdup(text);
	long count = copy ? count_letters(copy) : 0;
	free(copy);
	return PyLong_FromLong(count);
}

static PyObject *counter_leaky(PyObject *self, PyObject *args)
{
	const char *text;
	if (!PyArg_ParseTuple(args, "s", &text))
		return NULL;
	char *copy = strdup(text);
	return PyLong_FromLong(copy ? count_letters(copy) : 0);
}

static PyMethodDef methods[] = {
	{"tidy", counter_tidy, METH_VARARGS, "Count the letters."},
	{"leaky", counter_leaky, METH_VARARGS, "Count the letters, keep the text."},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "counter",
	.m_size = -1,
	.m_methods = methods,
};

PyMODINIT_FUNC PyInit_counter(void)
{
	return PyModule_Create(&module);
}
