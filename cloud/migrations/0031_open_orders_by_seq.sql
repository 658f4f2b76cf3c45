-- The open orders in the order of their arrival, without looking at all that ever were.
CREATE INDEX orders_open_by_seq ON orders (seq) WHERE status = 'Created';
