"""The page: facts to HTML that opens from a disk, and what it does in a browser.

page    facts and templates to one page and its files
audit_page  an audit as a page of its own
environment what all pages are made with
client  what the page's scripts need to know
findings what was found, for the first screen
story   what is left after each layer, in words
judged  what a judge says, in words
wording species where not all are birds
ways    what ways back are called
"""
