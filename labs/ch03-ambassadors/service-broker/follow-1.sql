-- Carried out at each start: what mysql-1 was told and this server was not.
CHANGE MASTER TO MASTER_HOST = 'mysql-1', MASTER_USER = 'follower', MASTER_PASSWORD = 'lab', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos;
START SLAVE;
