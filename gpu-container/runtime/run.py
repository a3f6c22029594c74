"""Starts the runtime from its folder, without installing it: `python run.py --socket PATH --models DIR`."""

import runpy

runpy.run_module("pilotlight_runtime", run_name="__main__", alter_sys=True)
