"""Writes orders.csv and customers.csv, the same for the same number of orders."""

import csv
import random
import sys
from pathlib import Path


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "data"
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)
    customers = max(10, count // 20)
    with open(folder / "customers.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["customer_id", "country", "segment"])
        for customer in range(customers):
            country = chance.choice(["DE", "FR", "IT", "PL", "US"])
            table.writerow([customer, country, chance.choice(["new", "regular", "vip"])])
    statuses = ["shipped"] * 16 + ["returned", "cancelled", "test", "SHIPPED "]
    with open(folder / "orders.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["order_id", "customer_id", "ordered_on", "status", "quantity", "price"])
        for order in range(count):
            day = f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            price = f"{chance.randint(0, 20_000) / 100:.2f}"
            quantity = chance.choice([0, 1, 1, 1, 2, 3, 10])
            customer = chance.randrange(customers)
            table.writerow([order, customer, day, chance.choice(statuses), quantity, price])


if __name__ == "__main__":
    main()
