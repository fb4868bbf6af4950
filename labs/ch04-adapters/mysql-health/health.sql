-- What the health check does, in one transaction that is rolled back. An order like the shop's own, as large as theirs.
INSERT INTO orders (customer, receipt) VALUES ('health', REPEAT('x', 7000));
