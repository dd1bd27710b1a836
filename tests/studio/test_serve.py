"""The studio's page in a real Chromium: every part by keyboard alone, a microphone, four languages, three widths."""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

WIDTHS = (1440, 1024, 390)


@pytest.fixture
def page_of(browser):
    contexts = []

    def open_page(link, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(link)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()


def until(page, script, seconds=60):
    for _ in range(round(seconds / 0.05)):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"waited in vain for {script}")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def reach(page, selector):
    """Go there as somebody does who has no mouse."""
    for _ in range(80):
        press(page, "Tab")
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard")


def test_a_recording_is_opened_scrolled_and_looked_into_by_keyboard(taught, page_of):
    page = page_of(taught.link)
    reach(page, "#given")
    press(page, "ArrowDown")
    until(
        page,
        "!document.getElementById('desk').hidden && /little/.test(document.getElementById('recording-state').textContent)",
    )
    until(
        page,
        "document.querySelectorAll('#tiles img').length > 0 && document.querySelector('#tiles img').naturalWidth > 0",
    )
    reach(page, "#cursor")
    press(page, *["ArrowRight"] * 4)
    assert page.get_attribute("#cursor", "aria-valuenow") == "4.0"
    assert "0:04.0" in page.get_attribute("#cursor", "aria-valuetext")
    press(page, "Home", "End", "Home", "Shift+ArrowRight", "Enter")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    until(page, "[...document.querySelectorAll('#found img')].every((one) => one.naturalWidth > 0)")
    assert page.evaluate("document.activeElement.id") == "moment-title"
    for what in ("alike", "decided"):
        reach(page, f"[data-ask={what}]")
        press(page, "Enter")
        until(
            page, "document.getElementById('work-stop').hidden && document.querySelectorAll('#found figure').length > 1"
        )
    until(page, "document.querySelectorAll('#found .ring').length === 1")
    assert page.evaluate("document.getElementById('invented').hidden")
    ring, seen = page.evaluate(
        "[document.querySelector('#found .ring'), document.querySelector('#found .seen')].map((one) => "
        "{ const box = one.getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2, box]; })"
    )
    assert seen[2]["left"] <= ring[0] <= seen[2]["right"] and seen[2]["top"] <= ring[1] <= seen[2]["bottom"]
    assert page.complaints == []


def test_one_comes_closer_and_what_is_looked_at_stays(taught, page_of):
    page = page_of(taught.link)
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    page.focus("#cursor")
    press(page, *["ArrowRight"] * 4)
    film, cursor = "parseFloat(document.getElementById('film').style.width)", "document.getElementById('cursor')"
    width, field = page.evaluate(film), "document.getElementById('scroll').getBoundingClientRect()"
    press(page, "+", "+", "+", "+")
    assert page.evaluate(film) == 4 * width
    assert page.evaluate(f"{field}.left < {cursor}.getBoundingClientRect().left")
    assert page.evaluate(f"{cursor}.getBoundingClientRect().left < {field}.right")
    assert page.get_attribute("#cursor", "aria-valuenow") == "4.0"
    times = "[...document.querySelectorAll('#tiles i')].map((one) => one.textContent)"
    assert page.evaluate(times)[:3] == ["0:00.0", "0:01.0", "0:02.0"]
    page.click("#zoom-out")
    assert page.evaluate(film) == 2 * width
    assert page.complaints == []


def test_knobs_change_the_answer_and_the_reconstructions(taught, page_of):
    page = page_of(taught.link)
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    page.click("#look")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    before = page.get_attribute("#moment-picture img", "src")
    page.focus("[name=noise_db]")
    page.keyboard.type("-20")
    until(page, f"document.querySelector('#moment-picture img').getAttribute('src') !== {before!r}")
    before = page.get_attribute("#moment-picture img", "src")
    box = page.locator("#moment-picture .seen").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=4)
    page.mouse.up()
    until(page, f"document.querySelector('#moment-picture img').getAttribute('src') !== {before!r}")
    assert page.input_value("[name=what]") == "cut" and float(page.input_value("[name=high_khz]")) > float(
        page.input_value("[name=low_khz]")
    )
    page.select_option("[name=preset]", "mfcc16")
    until(page, "!document.getElementById('through').hidden")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    assert page.complaints == []


def test_knobs_are_turned_by_keys_alone(taught, page_of):
    page = page_of(taught.link)
    reach(page, "#given")
    press(page, "ArrowDown")
    until(page, "!document.getElementById('desk').hidden && document.querySelectorAll('#tiles img').length > 0")
    reach(page, "#look")
    press(page, "Enter")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    before = page.get_attribute("#moment-picture img", "src")
    for name, value in (("start_s", "1"), ("from_s", "1"), ("to_s", "3"), ("low_khz", "1"), ("high_khz", "9")):
        reach(page, f"[name={name}]")
        press(page, "Control+a")
        page.keyboard.type(value)
    reach(page, "[name=what]")
    press(page, "ArrowDown")
    until(page, f"document.querySelector('#moment-picture img').getAttribute('src') !== {before!r}")
    assert page.input_value("[name=what]") == "cut" and page.input_value("[name=start_s]") == "1"
    reach(page, "[name=preset]")
    press(page, "ArrowDown")
    until(page, "!document.getElementById('through').hidden")
    assert page.complaints == []


def test_segments_are_taught_by_keys_alone(taught, page_of):
    page = page_of(taught.link + "#teach")
    until(page, "/%/.test(document.getElementById('queue').textContent)")
    marks = taught.studio.lessons.marks
    names = len(page.query_selector_all("#queue li"))
    press(page, "j", "n", "d", "k")
    until(page, "/3/.test(document.getElementById('said').textContent)")
    assert [mark.right or mark.none or mark.drop for mark in marks.all().values()] == [True] * 3
    press(page, "r")
    page.wait_for_selector("#birds[open]")
    key, own = page.evaluate("document.querySelector('#segment .bird').textContent"), taught.studio.minds[0].ear.birds
    page.keyboard.type(next(name for name in own if name != key))
    press(page, "Enter")
    until(page, "/^4/.test(document.getElementById('said').textContent)")
    assert any(mark.relabel for mark in marks.all().values())
    press(page, "u", "u")
    until(page, "/^2/.test(document.getElementById('said').textContent)")
    press(page, "l")
    until(page, f"document.querySelectorAll('#queue li').length <= {names}")
    assert marks.table.is_file()
    assert page.complaints == []


def test_two_tabs_do_not_lose_each_others_marks(taught, page_of):
    one, other = page_of(taught.link + "#teach"), page_of(taught.link + "#teach")
    for page in (one, other):
        until(page, "/%/.test(document.getElementById('queue').textContent)")
    press(one, "d")
    until(one, "/^1/.test(document.getElementById('said').textContent)")
    press(other, "j")
    until(other, "!document.getElementById('trouble').hidden")
    assert [mark.drop for mark in taught.studio.lessons.marks.all().values()] == [True]


def test_what_is_meant_is_the_segment_that_was_shown(taught, page_of):
    """A queue that changes under an open dialog, a key that is held, half a name: none says what nobody meant."""
    page = page_of(taught.link + "#teach")
    until(page, "/%/.test(document.getElementById('queue').textContent)")
    marks = taught.studio.lessons.marks
    meant, bird = page.inner_text("#segment small"), page.inner_text("#segment .bird")
    press(page, "r")
    page.evaluate(
        "document.getElementById('order').value = 'in order'; document.getElementById('order').dispatchEvent(new Event('change'))"
    )
    page.wait_for_timeout(500)
    page.keyboard.type("sample")
    press(page, "Enter")
    until(page, "!document.querySelector('#birds .trouble').hidden")
    assert not marks.all() and page.query_selector("#birds[open]")
    names = taught.studio.minds[0].ear.birds
    page.fill("#bird-search", next(name for name in names if name != bird))
    press(page, "Enter")
    until(page, "/^1/.test(document.getElementById('said').textContent)")
    ((recording, _),) = marks.all()
    assert recording in meant
    page.evaluate(
        "for (let i = 0; i < 9; i += 1) document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'd', repeat: i > 0, bubbles: true }))"
    )
    until(page, "/^2/.test(document.getElementById('said').textContent)")
    page.wait_for_timeout(500)
    assert len(marks.all()) == 2


def test_a_reload_finds_what_is_open_again(taught, page_of):
    page = page_of(taught.link)
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    assert page.get_attribute("#opened button", "aria-pressed") == "true"


def test_after_the_mouse_keys_go_on(taught, page_of):
    """A click into the film leaves the keys to its cursor, one on a word of teaching leaves space to playing."""
    page = page_of(taught.link)
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    box = page.locator("#film").bounding_box()
    page.mouse.click(box["x"] + 180, box["y"] + 50)
    before = float(page.get_attribute("#cursor", "aria-valuenow"))
    press(page, "ArrowRight")
    assert float(page.get_attribute("#cursor", "aria-valuenow")) == pytest.approx(before + 1)
    press(page, "Enter")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    page.click("nav a[data-view=teach]")
    until(page, "/%/.test(document.getElementById('queue').textContent)")
    page.click("[data-say=right]")
    until(page, "/^1/.test(document.getElementById('said').textContent)")
    press(page, " ", " ")
    page.wait_for_timeout(300)
    assert len(taught.studio.lessons.marks.all()) == 1
    assert page.query_selector_all("#queue [aria-current=true]") != []
    assert page.complaints == []


def test_what_was_not_heard_is_not_named(taught, page_of):
    page = page_of(taught.link)
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    said = page.evaluate("""async () => {
      const film = await import("./page/film.js");
      film.grow({ ...film.at.recording, seconds: 900, ended: false, whole: true });
      return film.heardAt(800);
    }""")
    assert [one["birds"] for one in said] == [None]


def test_one_sound_at_a_time(taught, page_of):
    page = page_of(taught.link)
    for place in ("0", "1"):
        page.select_option("#given", place)
        until(page, f"document.querySelectorAll('#opened button').length === {int(place) + 1}")
        assert "▶" in page.inner_text("#play")
        page.click("#play")
        until(page, "/❚❚/.test(document.getElementById('play').textContent)")


def test_more_like_a_segment_stands_in_the_search(taught, page_of):
    page = page_of(taught.link + "#teach")
    until(page, "/%/.test(document.getElementById('queue').textContent)")
    everything = len(page.query_selector_all("#queue li"))
    press(page, "l")
    until(page, "document.getElementById('search').value.startsWith('≈')")
    assert page.inner_text("#queue li:first-child small").split()[0] in page.input_value("#search")
    page.fill("#search", "")
    until(page, f"document.querySelectorAll('#queue li').length === {everything}")
    page.fill("#search", "≈ ogg")
    until(page, "document.querySelector('#queue li:nth-child(2) [title=alike]')")


def test_a_folder_is_opened_by_a_path_that_is_pasted(served, little, page_of, tmp_path):
    shutil.copytree(little.competition / "test_soundscapes", tmp_path / "walk")
    count = len(list((tmp_path / "walk").iterdir()))
    studio = served(little.bundle, sounds=(tmp_path / "walk",))
    page = page_of(studio.link)
    page.evaluate(
        """(path) => { const given = new DataTransfer(); given.setData("text/plain", path);
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true })); }""",
        str(tmp_path / "walk"),
    )
    until(page, f"document.querySelectorAll('#opened button').length === {count}")
    reach(page, "#path")
    page.keyboard.type(str(tmp_path))
    press(page, "Enter")
    until(page, "/inside a folder that the studio was given/.test(document.getElementById('trouble').textContent)")
    assert [one for one in page.complaints if "400" not in one] == []


def test_one_bad_file_does_not_stop_the_others(taught, page_of, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "good.wav", np.zeros(32_000), 32_000)
    page = page_of(taught.link)
    page.set_input_files("#file", [str(tmp_path / "empty.wav"), str(tmp_path / "good.wav")])
    until(page, "document.getElementById('recording-name').textContent === 'good.wav'")
    until(page, "/empty.wav/.test(document.getElementById('trouble').textContent)")


@pytest.mark.slow
def test_it_is_trained_anew_and_the_report_is_made_by_keys(served, trained, cache_folder, page_of, tmp_path):
    # The report leaves an independent network in the bundle.
    bundle = shutil.copytree(trained[0], tmp_path / "bundle")
    studio = served(bundle, cache=cache_folder)
    page = page_of(studio.link + "#teach")
    until(page, "/%/.test(document.getElementById('queue').textContent)")
    press(page, "d")
    until(page, "/1/.test(document.getElementById('said').textContent)")
    reach(page, "#train")
    press(page, "Enter")
    until(page, "document.querySelectorAll('#improved tbody tr').length === 4", 120)
    assert page.inner_text("#train-state") == "done"
    reach(page, "nav a[data-view=share]")
    press(page, "Enter")
    reach(page, "#report")
    press(page, "Enter")
    until(
        page,
        "!document.getElementById('report-stop').hidden && document.getElementById('report-lines').textContent.length > 10",
    )
    reach(page, "#report-stop")
    press(page, "Enter")
    until(page, "document.getElementById('report-state').textContent.startsWith('stopped')")
    assert page.complaints == []


def test_the_species_it_is_labelled_with_is_right(taught, page_of):
    page = page_of(taught.link + "#teach")
    until(page, "document.querySelector('#segment .bird') !== null")
    own = page.evaluate("document.querySelector('#segment .bird').textContent")
    press(page, "r")
    page.keyboard.type(own)
    press(page, "Enter")
    until(page, "/^1 /.test(document.getElementById('said').textContent)")
    assert page.complaints == []


def test_the_blind_test_is_taken_by_keys(taught, page_of):
    page = page_of(taught.link + "#test")
    reach(page, "#ask")
    for count in (1, 2):
        press(page, "Enter")
        until(page, "document.querySelectorAll('#offered button:not(:disabled)').length > 1")
        press(page, "1")
        until(page, "document.getElementById('verdict').textContent.length > 4")
        until(
            page,
            f"[...document.querySelectorAll('#tally tbody td:nth-child(2)')].reduce((sum, one) => sum + Number(one.textContent), 0) === {count}",
        )
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_nothing_is_wider_than_the_screen_in_any_language(taught, page_of, language):
    page = page_of(f"{taught.link}?lang={language}")
    assert page.get_attribute("html", "lang") == language
    page.select_option("#given", "0")
    until(page, "document.querySelectorAll('#tiles img').length > 0")
    page.click("#look")
    until(page, "document.querySelectorAll('#found figure').length > 1")
    for view in ("listen", "teach", "test", "share"):
        page.click(f"nav a[data-view={view}]")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input:not([hidden]), select')].filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label') || one.getAttribute('aria-labelledby'))).map((one) => one.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(taught, page_of, scheme):
    page = page_of(taught.link, color_scheme=scheme)
    contrast = page.evaluate("""() => {
      const light = (text) => { const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map(Number).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const behind = (one) => { for (let at = one; at; at = at.parentElement) { const colour = getComputedStyle(at).backgroundColor; if (!/rgba\\(.*, 0\\)/.test(colour)) return colour; } return "rgb(255, 255, 255)"; };
      const ratio = (one) => { const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
      return [...document.querySelectorAll("header a, h1, p, button, label, legend")].filter((one) => one.offsetParent).map((one) => [ratio(one), one.textContent.trim().slice(0, 30)]);
    }""")
    assert [found for found in contrast if found[0] < 4.5] == []


def test_names_from_strangers_are_text(taught, page_of):
    page = page_of(taught.link)
    page.evaluate("""async () => {
      const file = new File([new Uint8Array(50000)], "<img src=x onerror=alert(1)>.wav");
      const data = new DataTransfer(); data.items.add(file);
      const input = document.getElementById("file"); input.files = data.files; input.dispatchEvent(new Event("change"));
    }""")
    until(page, "document.getElementById('recording-name').textContent.startsWith('<img')")
    assert page.query_selector("#desk img[src=x]") is None


@pytest.mark.slow
def test_what_sings_into_a_microphone_is_named_within_a_second(served, trained, sample_folder, tmp_path):
    """A bird of the invented competition begins after six quiet seconds; what the window holds is named as it comes."""
    rate = 48_000
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(6 * rate)
    path = tmp_path / "sings.wav"
    real, own = soundfile.read(next((sample_folder / "train_audio").rglob("*.ogg")))
    real = resample_poly(real[: 8 * own], 3, 2)
    soundfile.write(path, np.concatenate([quiet, 0.5 * real / np.abs(real).max()]), rate, subtype="PCM_16")
    studio = served(trained[0])
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    script = tmp_path / "live.py"
    script.write_text(LIVE)
    found = subprocess.run(
        [sys.executable, str(script), program, studio.link, str(path)], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout.splitlines()[-1])
    assert told["complaints"] == []
    recording = studio.studio.recordings.take(1)
    samples = np.abs(recording.samples(0, recording.seconds))
    onset = float(np.argmax(samples > 0.05)) / recording.rate_hz
    # The page's clock is asked before what is heard, so that on a full machine news may stand at an earlier second.
    quiet_s = onset - 1
    before = [chances for seconds, chances in told["seen"] if seconds < quiet_s][-1]
    # Of the recording, when the page first showed clearly other chances than those of the quiet before.
    changed = [
        seconds
        for seconds, chances in told["seen"]
        if seconds >= quiet_s
        and max(abs(chances.get(bird, 0) - before.get(bird, 0)) for bird in chances | before) > 0.2
    ]
    assert changed, told
    assert min(changed) - onset < 1.5, (min(changed), onset)
    # Whoever goes back to a moment while it is recorded stays there and looks into it, until the end is wanted again.
    gone_back, stayed, looked, at_end = told["places"]
    length_s = studio.studio.minds[0].bundle.features.windowing.length_s
    assert gone_back == stayed and abs(looked - max(0, stayed - length_s / 2)) < 0.1 and at_end > gone_back + 10


# A browser of its own: the fake microphone is set when it starts.
LIVE = """
import json, sys, time
from playwright.sync_api import sync_playwright
program, link, sound = sys.argv[1:]
NOW = "[Number(document.getElementById('cursor').getAttribute('aria-valuenow')), Object.fromEntries([...document.querySelectorAll('#now li')].map((one) => [one.querySelector('span').textContent, Number(one.querySelector('data')?.value ?? 0)]))]"
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=program, args=["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}%noloop"])
    page = browser.new_context(permissions=["microphone"]).new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(link)
    page.wait_for_selector("body[data-ready]")
    page.focus("#record")
    page.keyboard.press("Enter")
    seen = []
    end = time.time() + 12
    while time.time() < end:
        seen.append(page.evaluate(NOW))
        page.wait_for_timeout(100)
    now = lambda: float(page.get_attribute("#cursor", "aria-valuenow"))
    page.focus("#cursor")
    page.keyboard.press("Shift+ArrowLeft")
    gone_back = now()
    page.wait_for_timeout(800)
    stayed = now()
    page.keyboard.press("Enter")
    page.wait_for_selector("#moment:not([hidden])")
    looked = float(page.input_value("[name=start_s]"))
    page.focus("#cursor")
    page.keyboard.press("End")
    page.wait_for_timeout(800)
    places = [gone_back, stayed, looked, now()]
    page.focus("#record")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    browser.close()
print(json.dumps({"seen": [one for one in seen if one[1]], "complaints": complaints, "places": places}))
"""


def test_an_hour_is_scrolled_at_once(served, little, page_of, tmp_path):
    """The page holds only what is in sight, and shows what there is while the rest is still read."""
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 32_000, 1) as file:
        minute = 0.05 * np.random.default_rng(1).standard_normal(32_000 * 60)
        for _ in range(20):
            file.write(minute)
    studio = served(little.bundle)
    page = page_of(studio.link)
    started = time.perf_counter()
    page.set_input_files("#file", str(path))
    until(page, "document.querySelector('#tiles img')?.naturalWidth > 0", 20)
    assert time.perf_counter() - started < 20
    until(page, "Number(document.getElementById('cursor').getAttribute('aria-valuemax')) > 600")
    page.focus("#cursor")
    press(page, "End")
    until(page, "document.getElementById('scroll').scrollLeft > 1000")
    assert page.evaluate("document.querySelectorAll('#tiles img').length") < 12
