output "table" {
  description = "Name of the table."
  value       = module.parcels.name
}

output "log_group_name" {
  description = "Log group of the function."
  value       = module.announce.log_group_name
}

output "undelivered_queue_url" {
  description = "Queue of the records that could not be processed."
  value       = module.new_parcels.summary.undelivered_queue_url
}
