"""A page in a real browser, with all that it complains of."""

from pathlib import Path


class Visit:
    """A page that was opened, with all that it complained of and asked for."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"{request.url[:200]} {request.failure}"))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def sound_position(self):
        return self.page.evaluate("player.currentTime")

    def wait_for(self, condition):
        # The page forbids eval, which Playwright's own way of waiting needs.
        for _ in range(300):
            if self.page.evaluate(f"() => {condition}"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited in vain for {condition}")

    def download(self, button):
        with self.page.expect_download() as waiting:
            self.page.click(button)
        return Path(waiting.value.path())
