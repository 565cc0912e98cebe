"""What a person reads and looks at: text, tables, HTML, DOT, figures."""
