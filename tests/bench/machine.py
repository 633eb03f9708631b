"""The date and the machine of a measurement."""

import datetime
import os
import platform


def facts():
    return {"date": datetime.date.today().isoformat(),
            "machine": {"cpu": cpu(), "cores": os.cpu_count(), "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                        "system": f"{platform.system()} {platform.release()}"}}


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
