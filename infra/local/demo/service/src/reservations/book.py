"""The book: which table is whose at which hour."""

from reservations.model import Refused, Reservation


class Book:
    def __init__(self, tables: int) -> None:
        self._tables = tables
        self._taken: dict[tuple[int, int], Reservation] = {}

    def reserve(self, reservation: Reservation) -> Reservation:
        if not 1 <= reservation.table <= self._tables:
            raise Refused(f"there is no table {reservation.table}")
        key = (reservation.table, reservation.hour)
        if key in self._taken:
            raise Refused(f"table {reservation.table} is taken at {reservation.hour}")
        self._taken[key] = reservation
        return reservation

    def cancel(self, table: int, hour: int) -> bool:
        return self._taken.pop((table, hour), None) is not None

    def free(self, hour: int) -> list[int]:
        return [table for table in range(1, self._tables + 1) if (table, hour) not in self._taken]
