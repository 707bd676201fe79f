"""What a boot imports from its flash is loaded ahead of it, in a VM of which lives are forked (image.py).

Each import of a life then gives it the module that it would load, which has the same content and was linked
with the same modules; where one of these is not there any more, it loads from flash, as without an image.
"""

import builtins
import gc
import sys

import vfs
from _world import _shims, load

_ROM = "/.shims"
_import = builtins.__import__
_known = {}  # of the modules from flash, those that are there
_store = {}  # by folder and name: the modules that a file makes, in turn, as (module, its package, its last
# name, modules that it was linked with)
_stack = []
_links = {}


def _news(base):
    """What was loaded from there since the last call."""
    found = []
    for name, module in sys.modules.items():
        path = getattr(module, "__file__", "") or getattr(module, "__path__", "")  # of a mere folder
        if path.startswith(base + "/") and _known.get(name) is not module:
            _known[name] = module
            found.append(name)
    return found


def note():
    """Print what this boot imports, for `learn`, after a line that says that it begins."""
    print("imports: begins")
    depth = 0
    gone = []

    def noting(*arguments):
        nonlocal depth
        depth += 1
        try:
            return _import(*arguments)
        finally:
            depth -= 1
            if not depth and sys.path[0] not in ("", _ROM):
                for name in [name for name, module in _known.items() if sys.modules.get(name) is not module]:
                    del _known[name]
                    gone.append(name)
                if _news(sys.path[0]):
                    print("imports:", sys.path[0], arguments[0], *gone)
                    gone.clear()

    builtins.__import__ = noting


def learn(path):
    """Do what these lines say, which `note` has printed, up to one that fails, as it does in a boot.
    `path` is a file of the host."""
    with open(path) as file:
        lines = file.read().split("\n")
    kept = sys.path[:]
    sys.modules["_start"]._mount(int(sys.argv[7]))
    gc.threshold(2048)
    builtins.__import__ = _linking
    for line in filter(None, lines):
        base, name, *gone = line.split(" ")
        _forget(gone)
        if base == _ROM:
            load(name)
            _keep(base, name, sys.modules.pop(name))
            continue
        sys.path[:] = [base, ".frozen"]
        try:
            __import__(name)
        except Exception as error:
            print("the image ends before", name, repr(error))
            break
        for new in _news(base):
            _keep(base, new, _known[new])
    builtins.__import__ = _giving
    _forget(list(_known))
    _links.clear()
    sys.path[:] = kept
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix(), "/")
    vfs.mount(_shims, _ROM)
    gc.threshold(-1)
    _wipe(100)
    gc.collect()


def _wipe(depth):
    """Numbers instead of references lie on the stack below, where the collector would see them for ever."""
    a = b = c = d = e = f = g = h = i = j = depth
    if depth:
        _wipe(a and b and c and d and e and f and g and h and i and j - 1)


def _keep(base, name, module):
    links = [_known[link] for link in _links.pop(name, ()) if link in _known]
    package, _, last = name.rpartition(".")
    if package:
        links.append(_known[package])
    _store.setdefault(base, {}).setdefault(name, []).append((module, package, last, links))


def _linking(*arguments):
    name = arguments[0]
    if _stack:
        _stack[-1].append(name)
    if name in sys.modules:
        return _import(*arguments)
    _stack.append([])
    try:
        return _import(*arguments)
    finally:
        _links[name] = _stack.pop()


def _forget(names):
    """They are as they were before they became part of something."""
    for name in names:
        parent, _, last = name.rpartition(".")
        if parent in _known:
            delattr(_known[parent], last)
    for name in names:
        del _known[name]
        sys.modules.pop(name, None)


def _giving(*arguments):
    if arguments[0] not in sys.modules:
        store = _store.get(sys.path[0])
        found = {}
        if store and _wanted(arguments[0], store, found):
            for name in found:
                sys.modules[name] = found[name][0]
                store[name].pop(0)
            for module, package, last, _ in found.values():
                if package:
                    setattr(sys.modules[package], last, module)
    return _import(*arguments)


def _wanted(name, store, found):
    """Whether the next one of that name fits what is there; `found` gets it, and what has to come with it."""
    if name in found:
        return True
    entries = store.get(name)
    if not entries:
        return False
    found[name] = entries[0]
    for link in entries[0][3]:
        name = link.__name__
        here = sys.modules.get(name)
        if here is link:
            continue
        if here is not None or not _wanted(name, store, found) or found[name][0] is not link:
            return False
    return True


def end():
    """Of the boot: what it did not want is gone."""
    del builtins.__import__
    _store.clear()
    del sys.modules["_image"]
