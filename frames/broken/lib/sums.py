def of(query):
    """The sum of the numbers in a query: of("1+2+3") is 6."""
    return sum(int(n) for n in query.split("+"))
