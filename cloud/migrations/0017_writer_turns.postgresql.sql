-- Each batch of the writer takes the next number: where one is missing, another process wrote in between, and
-- what was remembered of the rows may be wrong. A sequence, because a number taken stays taken: a batch that is
-- rolled back leaves a gap as well.
CREATE SEQUENCE writer_turns;
