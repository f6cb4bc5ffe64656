import csv
import sys

with open("assets/prices.csv", newline="") as file:
    prices = {row["item"]: row["price"] for row in csv.DictReader(file)}
print(prices[sys.argv[1]])
