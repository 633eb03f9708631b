"""The date and the machine of a measurement."""

import datetime
import os
import platform


# Extensions of which results depend most: hashing, wide registers, checks by carry-less multiplication.
EXTENSIONS = ("sha_ni", "vaes", "vpclmulqdq", "avx", "avx2", "bmi2", "avx512f", "avx512bw", "avx512vl", "avx512_vbmi", "avx512_vbmi2", "avx10", "asimd", "sha2", "sve")


def facts():
    return {"date": datetime.date.today().isoformat(),
            "machine": {"cpu": cpu(), "extensions": extensions(), "cores": os.cpu_count(), "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                        "system": f"{platform.system()} {platform.release()}"}}


def extensions():
    """Returns those of the named extensions that the processor has, which its name alone does not tell."""
    for line in open("/proc/cpuinfo"):
        if line.startswith(("flags", "Features")):
            has = set(line.split(":", 1)[1].split())
            return [name for name in EXTENSIONS if name in has]
    return []


def told(machine):
    """Returns the machine in a line, with the extensions if the measurement noted them."""
    with_what = f" ({', '.join(machine['extensions'])})" if machine.get("extensions") else ""
    return f"{machine['cpu']}{with_what}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}"


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
