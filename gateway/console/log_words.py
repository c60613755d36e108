"""What entries of the audit log say, in the words of its report."""

from gateway.audit.report.words import ACTIONS
from gateway.console.words import LANGUAGES, Language


def action_words(language: Language) -> dict[str, str]:
    """Return a few words for every action, by its name."""
    place = LANGUAGES.index(language)
    return {str(action): pair[place] for action, pair in ACTIONS.items()}
