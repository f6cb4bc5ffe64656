import typer


def main(numbers: list[int], label: str = "total") -> None:
    """Print a sum."""
    typer.echo(f"{label}: {sum(numbers)}")


if __name__ == "__main__":
    typer.run(main)
