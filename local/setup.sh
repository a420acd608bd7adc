# Sourced by `run` and `test`: sees that the virtual environment is there and complete, and sets $python to
# its interpreter and $root to the project. The environment is .venv beside the project, or $VENV.
# A stamp inside says what was installed, so that the second run has nothing to do but look at it. Before an
# install it calls `before_install`, where that is defined, with the arguments of the command.

# The shell's settings of other Pythons; and our texts are UTF-8, whatever the locale says.
unset PYTHONHOME PYTHONINSPECT PYTHONIOENCODING PYTHONOPTIMIZE PYTHONSTARTUP PYTHONWARNINGS
export PYTHONUTF8=1

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
venv=${VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python

modern() {
    "$1" -SEc 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if modern "$candidate"; then
            command -v "$candidate"
            return
        fi
        if [ -n "${PYTHON:-}" ]; then
            echo "PYTHON=$PYTHON is not a Python 3.11 or newer that runs." >&2
            return 1
        fi
    done
    echo "Python 3.11 or newer is needed, and none was found. Install one, or say where it is:" >&2
    echo "    PYTHON=/path/to/python3.11 $0" >&2
    return 1
}

stamp_of() {
    (cd "$root" && cat "$@" | cksum)
}

# All requirements, unless the caller names a list of fewer in $requirements; an environment with all has those.
everything=$(stamp_of requirements.txt local/requirements.txt functions/requirements.txt) || exit 1
installed=$(cat "$venv/.installed" 2>/dev/null)
wanted=$everything
if [ "${requirements:=requirements.txt}" != requirements.txt ] && [ "$installed" != "$everything" ]; then
    wanted=$(stamp_of "$requirements" functions/requirements.txt) || exit 1
fi
if [ "$wanted" != "$installed" ] || ! modern "$python"; then
    if command -v before_install >/dev/null; then before_install "$@"; fi
    base=$(find_python) || exit 1
    "$base" -P "$root/local/install.py" "$venv" "$wanted" "$root/$requirements" "$@" || exit 1
fi
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
