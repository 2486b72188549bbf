
﻿x = 1

a = b = c, *d
x: int = 3; y: str
f(a, *b, k=1, **c)
a.b[1:, ::2](x for x in y if z)
(y := f(x)) and not a < b is not c
-a ** -b
lambda a, /, b=1, *, c: a if b else c
{1: a, **b}, {1, 2}, {k: v for k, v in z}
from ..a.b import (c as d, e,)
import x.y as z
if a:
  b
elif c: d
else:
  e
@d(1)
async def f[T: int](a: T, *args: *Ts) -> r:
  await a
class A(B, m=C):
	x = 1
with (a as b, c): pass
with (a, b): pass
with (yield): pass
try: a
except* (A, B) as e: b
else: c
finally: d
match x, y:
  case [A(b, c=1), *_] | {'k': v, **r} if z: pass
  case -1 | 'a' as w: pass
match = case = type = 1
match(x)
type X[T] = int
r'\d' "\x41\u00e9\
z" b''
'a' r'\d' '''b
c''' '\x41\t'
f'a{x!r:>{w}}{{b}}' 'c'
f'{x = }{f"{d['k']}"}'
x = 0xFF_FF + 1_0.5e-3 + 2j + 1if a else b
x = (1,
  # comment
  2) \
  + y
z
# coding: latin-1
x = '�'
chào = 1
print 'x'
y = 1
try:
  a
except A, e:
  b
x = = 2
y
def f(:
  a = 1
b
if a:
  b
elif c d:
  e
f
f(1, 2
def g(): pass
f(1, 2
x = 1
s = 'abc
t = 1
s = '''abc
t = 1
x = 0777; y = 1
print(“hello”)
x
  a
    b
c
if a:
b
f() = 1
a ? b
c d
%pip install x
!ls -l
x = 1
%time model.fit(x)
%timeit -n 10 f()
files = !ls
if a:
    !pip install b
df.head?
?df
x
f(1,

x = 1


s = '''
%pip x
'''
1.e3

