def shape(text):
    return "".join("A" if letter.isupper() else "a" if letter.isalpha() else "9" for letter in text)
