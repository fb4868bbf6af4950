-- A check that touches no table.
SELECT 1;
