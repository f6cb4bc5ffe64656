def summary(numbers):
    return {"least": min(numbers), "most": max(numbers), "mean": sum(numbers) / len(numbers)}
