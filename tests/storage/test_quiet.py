"""Standard error held shut, by several threads at once."""

import os
import subprocess
import sys
import threading

from birdclef_mind.storage.quiet import quietly


def test_it_is_open_again_when_the_last_thread_is_done(capfd):
    inside, done = threading.Barrier(3), threading.Event()

    def hold():
        with quietly():
            inside.wait()
            os.write(2, b"dropped")
            done.wait()

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    with quietly():
        os.write(2, b"dropped too")
    os.write(2, b"dropped as well, since others hold it")
    done.set()
    for thread in threads:
        thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_without_standard_error_it_does_nothing():
    code = "import os; os.close(2)\nfrom birdclef_mind.storage.quiet import quietly\nwith quietly(): print('here')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "here\n")
