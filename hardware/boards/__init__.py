"""Board files that come with the package; `hardware.board.shipped_board` reads them by name."""
