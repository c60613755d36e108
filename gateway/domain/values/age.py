"""How old somebody is on a day, as the law counts."""

from datetime import date, timedelta


def on(day: date, *, born: date) -> int:
    """Return the age in full years; negative before birth.

    A year of age is full at the end of the day before the birthday, and laws that say
    「達した日」 mean that day (年齢計算ニ関する法律; 民法第143条): who was born on 1961-04-01
    is 65 on 2026-03-31. Who was born on 29 February becomes older on 28 February.
    """
    # Python has no day after 9999-12-31.
    tomorrow = day + timedelta(days=1) if day < date.max else day
    return tomorrow.year - born.year - ((tomorrow.month, tomorrow.day) < (born.month, born.day))
