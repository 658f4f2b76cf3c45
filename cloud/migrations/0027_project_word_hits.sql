-- A search reads thousands of words and nothing of the table beside them: the index has all it needs.
CREATE INDEX project_words_hits ON project_words (word, project_id, weight, in_text);
