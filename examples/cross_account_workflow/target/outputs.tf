output "target" {
  description = "The target, as the settings of the calling flow have it, without the account's number."
  value       = { api_id = module.target.api_id, stage = module.target.stage }
}
