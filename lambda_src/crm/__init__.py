"""The CRM: a lead's schema, the API's backend functions, and the database's migrations."""
