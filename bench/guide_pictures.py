"""Take the pictures of the Indonesian guides: the real forms in ODK Web Forms, the QR sheet, the supervisor's page.

    python bench/guide_pictures.py FOLDER [--only NAME]

FOLDER takes the npm packages (npm and Debian's Chromium must be there), once about a minute; nothing of it belongs
into the repository. The supervisor's page must have been written by `tracer-etl run` before. Pictures go to
docs/images/guide; look at each before it is committed.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright
from pyxform.xls2xform import convert

from tracer_etl.fieldwork.qr import Badge, collect_settings, write_sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Locator

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/images/guide"
PACKAGES = ("@getodk/web-forms@0.22.0", "vue@3.5", "esbuild@0.28")
ENTRY = """\
import { createApp, h } from "vue";
import { OdkWebForm, webFormsPlugin } from "@getodk/web-forms";
const formXml = await (await fetch("/form.xml")).text();
const fetchFormAttachment = (file) => fetch("/media/" + String(file).split("/").pop());
createApp({ render: () => h(OdkWebForm, { formXml, fetchFormAttachment, missingResourceBehavior: "BLANK" }) })
  .use(webFormsPlugin).mount("#form");
"""
PAGE = """<!doctype html><html lang="id"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<div id="form"></div><script type="module" src="/entry.js"></script></html>"""
PHONE = {
    "viewport": {"width": 412, "height": 915},
    "locale": "id-ID",
    "timezone_id": "Asia/Jakarta",
    "has_touch": True,
    "is_mobile": True,
    "geolocation": {"latitude": -8.0957, "longitude": 112.1609, "accuracy": 8},
    "permissions": ["geolocation"],
}


def bundle(folder: Path) -> Path:
    """Install ODK Web Forms into a folder and bundle it for a browser."""
    site = folder / "site"
    if not site.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "entry.js").write_text(ENTRY, encoding="utf-8")
        install = ["npm", "install", "--no-audit", "--no-fund", *PACKAGES]
        build = ["npx", "esbuild", "entry.js", "--bundle", "--format=esm", "--splitting", "--outdir=site"]
        for command in (install, build):
            subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - both are written above
    return site


class Phone:
    """One form on a phone's screen, answered by the words a person sees."""

    def __init__(self, browser: Browser, form: str, site: Path) -> None:
        """Open a form of the study, with its media files."""
        self.page: Page = browser.new_context(**PHONE).new_page()
        self.page.set_default_timeout(15_000)
        self.xml = convert(str(ROOT / f"forms/{form}.xlsx")).xform
        self.site = site
        self.page.route("http://localhost/**", self._serve)
        self.page.goto("http://localhost/")
        self.page.wait_for_selector(".question-container", timeout=60_000)
        # "Send" is the web's; the room below lets any question be scrolled to the top.
        self.page.add_style_tag(content=".footer { display: none !important } body { padding-bottom: 900px }")

    def _serve(self, route: Route) -> None:
        path = route.request.url.split("/", 3)[3]
        if path == "":
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")
        elif path == "form.xml":
            route.fulfill(body=self.xml, content_type="text/xml; charset=utf-8")
        elif path.startswith("media/"):
            route.fulfill(path=ROOT / "forms" / path, content_type="text/csv; charset=utf-8")
        else:
            route.fulfill(path=self.site / path, content_type="text/javascript")

    def question(self, label: str) -> Locator:
        """Find the question that says this."""
        return self.page.locator(".question-container").filter(has_text=label).first

    def tap(self, label: str, answer: str) -> None:
        """Choose one answer of those shown."""
        self.question(label).get_by_text(answer, exact=True).click()

    def pick(self, label: str, answer: str) -> None:
        """Open a list and choose from it."""
        self.open(label)
        self.page.get_by_role("option", name=answer).first.click()

    def open(self, label: str) -> None:
        """Open a list."""
        self.question(label).locator(".p-select, .p-autocomplete, [role=combobox]").first.click()

    def write(self, label: str, answer: str) -> None:
        """Type an answer and leave the field."""
        field = self.question(label).locator("input, textarea").first
        field.click()
        field.press_sequentially(answer, delay=30)
        field.press("Tab")

    def shoot(self, name: str, first: str, height: int = 760) -> None:
        """Take a picture that begins a little above the text `first`."""
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        self.page.mouse.move(1, 1)
        self.page.get_by_text(first, exact=True).first.evaluate(
            "at => window.scrollTo(0, at.getBoundingClientRect().top + window.scrollY - 24)"
        )
        self.page.wait_for_timeout(400)
        keep(name, self.page.screenshot(clip={"x": 0, "y": 0, "width": 412, "height": height}))


def keep(name: str, shot: bytes) -> None:
    """Store a picture with 128 colours, which is enough for screens and small enough for a clone."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)
    sys.stdout.write(f"{name}.png {(PICTURES / f'{name}.png').stat().st_size // 1000} kB\n")


def interview(browser: Browser, site: Path) -> None:
    """The tracer interview: case, contact, consent, identity, place, one refusal of the form, an appointment."""
    phone = Phone(browser, "alumni_tracer", site)
    phone.pick("Kode petugas", "P07")
    phone.tap("Cara wawancara", "Tatap muka")
    phone.open("Pilih alumni")
    phone.shoot("case-list", "A. Kasus dan kontak", 680)
    phone.page.get_by_role("option", name="Sri (Wlingi)").first.click()
    phone.write("Percobaan kontak", "1")
    phone.shoot("contact-result", "A2. Hasil kontak", 900)
    phone.tap("Hasil kontak", "Responden ditemui dan bersedia melanjutkan")
    phone.tap("Siapa yang menjawab?", "Responden sendiri")
    phone.shoot("consent", "B. Persetujuan", 715)
    phone.tap("Apakah Anda setuju mengikuti", "Ya")
    phone.tap("Cara persetujuan", "Persetujuan lisan direkam waktunya")
    for asked in ("menghubungi lagi", "dibagikan kepada layanan", "lokasi wawancara direkam", "foto usaha"):
        phone.tap(asked, "Ya")
    phone.shoot("consent-more", "Cara persetujuan direkam", 820)
    phone.tap("Apakah nama tersebut sesuai?", "Cocok")
    phone.write("Tahun lahir", "1895")
    phone.shoot("refused", "C. Pencocokan identitas", 820)
    phone.write("Tahun lahir", "1995")
    phone.tap("Jenis kelamin", "Perempuan")
    phone.shoot("repeat", "D. Pelatihan yang diikuti sejak 1 Januari 2024", 640)
    phone.tap("Keterampilan teknis inti pelatihan", "Cukup")
    phone.shoot("grid", "Keterampilan teknis inti pelatihan", 520)


def appointment(browser: Browser, site: Path) -> None:
    """A contact without an interview: when to come back."""
    phone = Phone(browser, "alumni_tracer", site)
    phone.pick("Kode petugas", "P07")
    phone.tap("Cara wawancara", "Tatap muka")
    phone.pick("Pilih alumni", "Slamet (Gledug)")
    phone.write("Percobaan kontak", "1")
    phone.tap("Hasil kontak", "Janji temu / minta dihubungi lagi")
    phone.shoot("appointment", "Catatan kontak", 300)


def backcheck(browser: Browser, site: Path) -> None:
    """A supervisor's second call."""
    phone = Phone(browser, "backcheck", site)
    phone.tap("Kode pengawas", "S01 - Lestari")
    phone.pick("Alumni terpilih", "Fajar (Sukorejo)")
    phone.tap("Tersambung?", "Ya")
    phone.tap("Apakah pernah diwawancarai", "Ya")
    phone.shoot("backcheck", "Alumni terpilih", 800)


def badge(browser: Browser, _site: Path) -> None:
    """One card of the QR sheet; its server and its key are invented."""
    server = "https://odk.example.org/v1/key/contoh/projects/3"
    project = "Penelusuran Alumni Pelatihan Kerja"
    card = Badge(
        code="P07",
        name="P07 - Nur",
        server="odk.example.org",
        project=project,
        forms=("Penelusuran Alumni Pelatihan Kerja Kabupaten Blitar 2024-2025",),
        settings=collect_settings(server, project),
    )
    with tempfile.TemporaryDirectory() as folder:
        sheet = write_sheet(Path(folder) / "phones.html", [card], {"id": project, "en": project})
        page = browser.new_page(viewport={"width": 760, "height": 700})
        page.goto(sheet.as_uri())
        keep("qr-card", page.locator("article").screenshot())


def supervisor(browser: Browser, _site: Path) -> None:
    """The parts of the supervisor's page, of the last run."""
    page = browser.new_page(viewport={"width": 1040, "height": 1000}, locale="id-ID")
    page.goto((ROOT / "var/report/office/supervisor.html").as_uri())
    page.click("label[for=lang-id]")
    keep("supervisor-today", page.screenshot(clip={"x": 0, "y": 0, "width": 1040, "height": 790}))
    for name, heading in (
        ("supervisor-scorecard", "Petugas satu per satu"),
        ("supervisor-progress", "Kemajuan daftar kasus"),
    ):
        section = page.locator("section").filter(has=page.get_by_role("heading", name=heading, exact=True))
        box = section.bounding_box()
        keep(
            name, page.screenshot(full_page=True, clip={"x": 0, "y": box["y"], "width": 1040, "height": 660})
        )
    held = page.locator("details").filter(has_text="P08").filter(has_text="4 ditahan").first
    held.locator("summary").click()
    keep("supervisor-held", held.screenshot())


SCENES: dict[str, Callable[[Browser, Path], None]] = {
    scene.__name__: scene for scene in (interview, appointment, backcheck, badge, supervisor)
}


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=SCENES, action="append")
    asked = parser.parse_args()
    site = bundle(asked.folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in asked.only or SCENES:
            SCENES[name](browser, site)
        browser.close()


if __name__ == "__main__":
    main()
