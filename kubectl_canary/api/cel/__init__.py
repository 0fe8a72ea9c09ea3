"""CEL, the language of `x-kubernetes-validations`: syntax.py reads it, translate.py makes Python functions of it,
functions.py is the library, values.py what Python has no type for.
"""
