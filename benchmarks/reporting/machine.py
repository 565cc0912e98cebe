"""What a run ran on, without the machine's name, and with which versions of the peers."""

import importlib.metadata
import os
import platform

PEERS = ("numpy", "numba", "scipy", "networkx", "jax", "asdex", "torch", "opt_einsum", "cotengra", "dask", "ortools")


def machine():
    """Describe the machine in a few lines."""
    lines = {
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        lines["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    lines["BLAS"] = blas()
    if hasattr(os, "getloadavg"):
        lines["load before the run"] = f"{os.getloadavg()[0]:.1f}"
    return {name: text for name, text in lines.items() if text}


def processor():
    try:
        import cpuinfo  # comes with pytest-benchmark
    except ModuleNotFoundError:
        return platform.processor()
    return cpuinfo.get_cpu_info().get("brand_raw", platform.processor())


def blas():
    try:
        import numpy as np
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return ""
    np.ones((2, 2)) @ np.ones((2, 2))
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return ", ".join(f"{info['internal_api']} {info['version']}, {info['num_threads']} threads" for info in libraries)


def versions():
    """Give the version of each peer, None where it is not installed."""
    return {name: version_of(name) for name in PEERS}


def version_of(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
