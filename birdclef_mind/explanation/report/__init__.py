"""The page: facts to HTML that opens from a disk, and what it does in a browser.

page    facts and templates to one page and its files
client  what the page's scripts need to know
story   what is left after each layer, in words
judged  what a judge says, in words
wording species where not all are birds
ways    what ways back are called
"""
