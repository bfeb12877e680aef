"""The studies of Li et al. 2020 beside what the paper printed: tables, figures, one page."""

from .report import write_page

__all__ = ["write_page"]
