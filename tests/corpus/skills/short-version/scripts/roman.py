import sys

number, text = int(sys.argv[1]), ""
for value, sign in ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
    while number >= value:
        number, text = number - value, text + sign
print(text)
