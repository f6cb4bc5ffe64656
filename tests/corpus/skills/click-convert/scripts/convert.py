import json

import click


@click.command()
@click.argument("value", type=float)
@click.option("--unit", type=click.Choice(["km", "mi"]), default="km")
def convert(value, unit):
    """Convert a distance."""
    factor = 0.621371 if unit == "km" else 1.609344
    click.echo(json.dumps({"result": round(value * factor, 3)}))


if __name__ == "__main__":
    convert()
