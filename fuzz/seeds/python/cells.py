%pip install x
x = !ls

df?
%time f(x)

