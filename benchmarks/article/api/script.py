"""SQL statements."""

INSERT_CLIENT = "INSERT INTO CLIENTS (name, lastname, rut, mail, phone) VALUES (%s, %s, %s, %s, %s)"
INSERT_PARTNER = "INSERT INTO PARTNERS (rut, store) VALUES (%s, %s)"
INSERT_BENEFIT = "INSERT INTO BENEFIT (rut, wantsBenefit) VALUES (%s, %s)"
