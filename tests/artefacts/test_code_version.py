"""The code version changes with the code behind a module, and with nothing else."""

import pytest

from narrowgauge.artefacts.code_version import code_version

FILES = {
    "__init__.py": "",
    "stages/__init__.py": "",
    "stages/train.py": "from pkg.training import loop\nimport pkg.graph\n\ndef run():\n    return loop.go()\n",
    "training/__init__.py": '"""Training."""\n',
    "training/loop.py": (
        '"""Doc."""\nimport json\n\ndef go():\n    """Doc."""\n    from pkg.late import VALUE\n    return VALUE\n'
    ),
    "graph.py": "class G:\n    size: int = 3\n    '''Attribute doc.'''\n",
    "late.py": "VALUE = 1\n",
    "plots.py": "COLOUR = 'blue'\n",
}


@pytest.fixture
def package(tmp_path):
    for name, text in FILES.items():
        file = tmp_path / "pkg" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "pkg"


def version(package):
    return code_version("pkg.stages.train", package="pkg", source=package)


def edit(package, name, find, replace):
    file = package / name
    assert find in file.read_text()
    file.write_text(file.read_text().replace(find, replace))


@pytest.mark.parametrize(
    ("name", "find", "replace"),
    [
        ("stages/train.py", "loop.go()", "loop.go() + 1"),
        ("training/loop.py", "return VALUE", "return -VALUE"),
        ("graph.py", "size: int = 3", "size: int = 4"),
        ("late.py", "1", "2"),
        ("training/__init__.py", '"""Training."""', "SETTING = 1"),
    ],
)
def test_code_counts_wherever_it_is_imported(package, name, find, replace):
    before = version(package)
    edit(package, name, find, replace)
    assert version(package) != before


@pytest.mark.parametrize(
    ("name", "find", "replace"),
    [
        ("training/loop.py", '"""Doc."""', '"""Another."""'),
        ("graph.py", "Attribute doc.", "Better."),
        ("late.py", "VALUE = 1", "# why\nVALUE =   1  # because"),
        ("plots.py", "blue", "red"),
        ("stages/train.py", "\n\ndef run():", "\n\n\n\ndef run():"),
    ],
)
def test_comments_docstrings_layout_and_other_modules_do_not_count(package, name, find, replace):
    before = version(package)
    edit(package, name, find, replace)
    assert version(package) == before


def test_an_unknown_module_is_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=r"pkg\.stages\.test"):
        code_version("pkg.stages.test", package="pkg", source=package)
