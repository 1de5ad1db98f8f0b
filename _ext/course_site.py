"""Sphinx extension of the course: pages that need no network and load nothing in vain.

Accessibility: some labels of the theme contradict what stands on the thing they label, and
its side bar belongs to no landmark of the page; `REPAIRS` mends the finished pages. `page.js`,
in each of them, has what is left: paper in the light theme, the focus after a menu and on formulas.

The live views: a page that holds the place of one, an element with the classes `live-view` and
`live-` + its name, loads the scripts of that view and no others. They lie in `live/`, with their
data; what makes the data, `live/build/`, is not copied.

Buttons: those of the repository are left out until `_config.yml` names its owner.

Published address: GitHub Pages derives it from the repository's, which `_config.yml` names.
Link previews need it, and so does the page for addresses that do not exist, which may be
shown at any depth. What a preview says of a page, and a search engine under its title, is one
sentence: of a chapter the question it answers, from the map of the landing page.

Weight: Jupyter Book loads all that any page might use on each of them. `USED_WITH` keeps
what a page uses; Thebe (live code from a CDN) is used nowhere. The theme submits a search to
search.html, so the index is loaded there alone. Its icons come as a script of 1.5 MB, which
draws two thousand; the dozen that a page shows are drawn into the page when it is built. And
of its styles, for all that any site might show, those stay that some page or script may use.
"""

import functools
import html
import re
import shutil
from pathlib import Path

from pybtex import plugin

# It reads the lists of all installed packages again for each citation: a sixth of the build.
plugin._load_entry_point = functools.cache(plugin._load_entry_point)

# What the theme writes -> what it should have written.
REPAIRS = {
    # Roles that do not go together: a list whose entries are no list items.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    # Neither light nor dark has no colours. That is how a page without JavaScript stays; with it,
    # the theme puts the reader's or the system's choice there.
    'data-theme="auto">': 'data-theme="light">',
    # Said once already.
    '<meta name="viewport" content="width=device-width, initial-scale=1" />\n': "",
    '  <meta name="viewport" content="width=device-width, initial-scale=1"/>\n': "",
    # A fold says itself what it shows and hides.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # The titles of the icons inside are the button's text: of what they are the setting.
    'theme-switch-button pst-js-only" aria-label="Color mode"': 'theme-switch-button pst-js-only"',
    'data-bs-title="Color mode"': 'data-bs-title="Colour theme"',
    'data-mode="light" title="Light"': 'data-mode="light" title="Colour theme: light"',
    'data-mode="dark"  title="Dark"': 'data-mode="dark" title="Colour theme: dark"',
    'data-mode="auto"  title="System Settings"': (
        'data-mode="auto" title="Colour theme: system settings"'
    ),
    # Its text is "Search Ctrl+K".
    'search-button-field search-button__button pst-js-only" title="Search" aria-label="Search"': (
        'search-button-field search-button__button pst-js-only" title="Search"'
    ),
    '<div id="pst-primary-sidebar" class="bd-sidebar-primary bd-sidebar">': (
        '<div id="pst-primary-sidebar" class="bd-sidebar-primary bd-sidebar" '
        'role="region" aria-label="Course contents">'
    ),
}

# What the pages without a question on the map are, in a sentence.
DESCRIPTIONS = {
    "index": (
        "From two linear layers to a Time Machine that writes: recurrent networks in PyTorch, and "
        "what shape every tensor has on the way."
    ),
    "live/index": (
        "The course's networks run in your browser: let them write, step through hello letter by "
        "letter, and see how far back they look."
    ),
    "backmatter/coming-from-d2l": (
        "How to run the code for recurrent networks of Dive into Deep Learning again by changing "
        "one line, and how its names become the course's."
    ),
    "backmatter/rebuilding-rnn": (
        "PyTorch's nn.RNN built again from tensor operations: one layer, several layers, two "
        "directions and batch_first, with the same numbers after each step."
    ),
    "backmatter/shape-reference": (
        "Every shape that goes into PyTorch's recurrent cells and layers and comes out of them, on "
        "one page, made by running the calls."
    ),
    "backmatter/questions": (
        "Short answers to what readers ask about recurrent networks in PyTorch, each with the place "
        "in the course where a cell shows it."
    ),
    "backmatter/exercises": (
        "Every exercise of the course with its place: one star asks you to predict, two to modify, "
        "three to build."
    ),
    "backmatter/glossary": (
        "The words of recurrent networks, each explained in a line or two, with the shape that the "
        "thing has in PyTorch."
    ),
    "backmatter/bibliography": (
        "The papers and books behind the ideas, equations and recipes of this course on recurrent "
        "networks."
    ),
    "search": "Search the course on recurrent networks for a word, a name of PyTorch or a shape.",
    "genindex": "The words of the glossary of this course on recurrent networks, from A to Z.",
}

# A row of the map in index.md: number, name of the chapter, its question.
MAP_ROW = re.compile(r"^\| \d+ \| \[.*\]\((\S+)\) \| (.+) \|$", re.MULTILINE)

# Part of the name (or text) of a script or style -> what a page that uses it contains.
USED_WITH = {
    "thebe": None,
    "clipboard": 'class="highlight',
    "copybutton": 'class="highlight',
    "pygments": 'class="highlight',
    "mathjax": None,  # a setting for it that the parser adds; formulas need no script
    "mystnb": 'class="cell ',
    "design": r'class="(\S+ )*sd-',
    "toggle": r'class="(\S+ )*(toggle|admonition dropdown)[ "]',
}

# A live view -> its scripts, in the order in which they run.
VIEWS = {
    "stepper": ("live", "tiny", "unrolled", "numbers", "stepper"),
    "block": ("live", "tiny", "block"),
    "playground": ("live", "network", "maps", "panel", "playground"),
    "reach": ("live", "network", "reach"),
    "writer": ("live", "network", "writer"),
}
VIEW = re.compile(r'class="live-view live-(\w+)')

# What the theme's templates add later, past `USED_WITH`.
LEFTOVERS = re.compile(
    r"""<script\ type="text/x-thebe-config">.*?</script>
      | <script>kernelName\ =.*?</script>
      | <script[^>]*/fontawesome\.js[^>]*></script>""",
    re.DOTALL | re.VERBOSE,
)
SEARCH = re.compile(r'<script src="[^"]*(searchtools|language_data|searchindex)\.js"></script>')

# A formula or code in a line, with the signs that may not be parted from it.
TIED = re.compile(
    r"(\(?)(<math>.*?</math>|<code class=\"docutils literal[^>]*>.*?</code>)([.,:;?!)’”]*)",
    re.DOTALL,
)
LONGEST_TIED = 36  # characters of code that surely fit into a line of a phone
CHAPTER = re.compile(r"(?<=>)([Cc]hapters?) (?=\d)")

NO_CODE = "searchindex", "fontawesome"
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
ICON_NOTICE = "Font Awesome Free, CC BY 4.0"  # the licence asks for it
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
# A name, then width, height, other names, code point and path of the icon.
SHAPE = re.compile(r'"?([\w-]+)"?:\[(\d+),(\d+),\[[^]]*\],"\w+","([^"]+)"\]')


def copy_live(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    left_out = shutil.ignore_patterns("build", "__pycache__", "*.md", "*.png")
    target = Path(app.outdir, "_static", "live")
    shutil.copytree(Path(app.srcdir, "live"), target, ignore=left_out, dirs_exist_ok=True)


def published_at(app) -> tuple[str, str]:
    """Host and path of the site on GitHub Pages: owner.github.io, /name/."""
    owner, name = app.config.html_theme_options["repository_url"].rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io", f"/{name}/"


def leave_out_dead_buttons(app, config):
    """As long as the repository has no owner, its buttons (rocket, GitHub, issues) lead nowhere."""
    options = config.html_theme_options
    if "/OWNER/" in options["repository_url"]:
        options.update(launch_buttons={}, use_repository_button=False, use_issues_button=False)


def set_previews(app, config):
    config.ogp_site_url = "".join(published_at(app))
    config.ogp_site_name = config.project = config.html_title
    config.ogp_image = config.ogp_site_url + "_static/preview.png"
    config.ogp_image_alt = (
        f"{config.html_title}: a recurrent network, unrolled over the letters of hello"
    )
    config.ogp_custom_meta_tags = [
        '<meta property="og:image:width" content="1200" />',
        '<meta property="og:image:height" content="630" />',
        '<meta name="twitter:card" content="summary_large_image" />',
    ]
    config.ogp_description_length = 0  # it would glue a page's first words: see `describe`


def plain(markdown: str) -> str:
    return " ".join(re.sub("[*`]", "", markdown).split())


def read_descriptions(landing_page: str) -> dict[str, str]:
    """A sentence for each page: those kept above, and the questions on the landing page."""
    questions = {page: plain(question) for page, question in MAP_ROW.findall(landing_page)}
    return DESCRIPTIONS | questions


def describe(app, pagename, templatename, context, doctree):
    landing_page = Path(app.srcdir, "index.md").read_text(encoding="utf-8")
    sentence = read_descriptions(landing_page).get(pagename)
    if sentence is None:  # a test names the page
        return
    content = html.escape(sentence)
    context["metatags"] = context.get("metatags", "") + (
        f'<meta name="description" content="{content}" />\n'
        f'<meta property="og:description" content="{content}" />\n'
    )


def tie(app, pagename, templatename, context, doctree):
    """Let no line break in a shape such as `(5, 3, 4)`, before its full stop or in "chapter 5"."""

    def tied(match: re.Match) -> str:
        thing = match[2]
        alone = not match[1] and not match[3]
        if thing.startswith("<code"):
            code = html.unescape(re.sub("<[^>]*>", "", thing))
            if len(code) > LONGEST_TIED or (alone and " " not in code):
                return match[0]
        elif alone:
            return match[0]
        return f'<span class="tied">{match[0]}</span>'

    if "body" in context:
        context["body"] = CHAPTER.sub(r"\1&nbsp;", TIED.sub(tied, context["body"]))


def write_not_found(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    page = Path(app.srcdir, "_ext", "404.html").read_text(encoding="utf-8")
    page = page.replace("{home}", published_at(app)[1]).replace("{title}", app.config.html_title)
    Path(app.outdir, "404.html").write_text(page, encoding="utf-8")


def read_shapes(static: Path) -> dict[str, tuple[str, str, str]]:
    """The theme's icons by name; where there are two, the filled one, which comes later."""
    script = (static / "scripts" / "fontawesome.js").read_text(encoding="utf-8")
    return {name: shape for name, *shape in SHAPE.findall(script)}


def draw_icon(match: re.Match, shapes: dict) -> str:
    """The drawing that a script would put in the place of an empty element."""
    _, classes, attributes = match.groups()
    # Without the names of fonts, which bring the theme's rules for characters.
    classes = re.sub(r"\b(fa[bs]|fa-solid) ", "", classes)
    names = [name for name in re.findall(r"fa-([\w-]+)", classes) if name in shapes]
    if not names:
        return match[0]
    width, height, path = shapes[names[0]]
    title = re.search('title="([^"]*)"', attributes)
    if title:
        attributes = attributes.replace(title[0], "")
    return (
        f'<svg class="page-icon {classes}"{attributes} viewBox="0 0 {width} {height}" '
        + (f'role="img"><title>{title[1]}</title>' if title else 'aria-hidden="true">')
        + f'<!-- {ICON_NOTICE} --><path fill="currentColor" d="{path}"/></svg>'
    )


def repair_pages(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    shapes = read_shapes(static)
    script = Path(app.srcdir, "_ext", "page.js").read_text(encoding="utf-8")
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        for broken, mended in REPAIRS.items():
            page = page.replace(broken, mended)
        page = LEFTOVERS.sub("", page)
        if path.name != "search.html":
            page = SEARCH.sub("", page)
        page = page.replace("</head>", f"<script>\n{script}</script>\n  </head>", 1)
        page = ICON.sub(lambda match: draw_icon(match, shapes), page)
        path.write_text(page, encoding="utf-8")


def prune(css: str, known: set[str]) -> str:
    """The rules with a selector whose classes are all known; "a-" stands for all that begin so."""
    starts = tuple(name for name in known if name.endswith("-"))
    kept, start, depth = [], 0, 0
    for brace in re.finditer("[{}]", css):
        depth += 1 if brace[0] == "{" else -1
        if brace[0] == "{" and depth == 1:
            head, inside = css[start : brace.start()], brace.end()
        elif depth == 0:
            content, start = css[inside : brace.start()], brace.end()
            selectors = re.split(r"\*/|;", head)[-1].strip()
            if selectors.startswith(("@media", "@supports", "@layer")):
                content = prune(content, known)
                used = bool(content.strip())
            else:
                # What :not() excludes need not exist.
                parts = re.sub(r":not\([^)]*\)", "", selectors).split(",")
                used = any(
                    all(name in known or name.startswith(starts) for name in CLASS.findall(part))
                    for part in parts
                )
            if used or selectors.startswith(("@font-face", "@keyframes", "@page")):
                kept.append(f"{head}{{{content}}}")
    return "".join(kept) + css[start:]


def prune_styles(app, exception):
    """Leave out the packages' rules that no page uses, as it is built or as a script changes it.

    A script may make a class of any word in it, or of a word that ends in "-" and something more.
    """
    if exception is not None or app.builder.format != "html":
        return
    site, known = Path(app.outdir), set()
    for path in site.rglob("*.html"):
        for names in re.findall('class="([^"]*)"', path.read_text(encoding="utf-8")):
            known.update(names.split())
    for path in site.rglob("*.js"):
        if path.parent.name not in ("data", "models") and path.stem not in NO_CODE:
            known.update(re.findall(r"-?[A-Za-z_][\w-]*", path.read_text(encoding="utf-8")))
    for path in site.rglob("*.css"):
        if path.name not in ("course.css", "live.css"):
            path.write_text(prune(path.read_text(encoding="utf-8"), known), encoding="utf-8")


def search_without_fetch(app, pagename, templatename, context, doctree):
    """A page opened from a file may not fetch others, whose lines a search would quote."""
    if pagename == "search":
        quote = "DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY"
        app.add_js_file(None, body=f"if (location.protocol === 'file:') {quote} = false;")


def load_views(app, pagename, templatename, context, doctree):
    views = VIEW.findall(context.get("body") or "")
    if views:
        app.add_css_file("live/live.css")
    for script in dict.fromkeys(script for view in views for script in VIEWS[view]):
        app.add_js_file(f"live/{script}.js", loading_method="defer")


def keep_what_is_used(app, pagename, templatename, context, doctree):
    body = context.get("body") or ""
    found = {part: bool(mark and re.search(mark, body)) for part, mark in USED_WITH.items()}

    def used(file) -> bool:
        text = f"{file.filename} {file.attributes.get('body')}".lower()
        return all(found[part] for part in found if part in text)

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if used(file)]


def setup(app):
    app.connect("config-inited", leave_out_dead_buttons)
    app.connect("config-inited", set_previews)
    app.connect("build-finished", copy_live)
    app.connect("build-finished", repair_pages)
    app.connect("build-finished", prune_styles)
    app.connect("build-finished", write_not_found)  # not one of the theme's pages
    app.connect("html-page-context", describe)
    app.connect("html-page-context", tie)
    app.connect("html-page-context", search_without_fetch)
    app.connect("html-page-context", load_views)
    app.connect("html-page-context", keep_what_is_used, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
