output "queue" {
  description = "Queue that takes jobs: 'aws batch submit-job --job-name three --job-queue example-squares --job-definition example-squares-square --parameters number=3'."
  value       = module.squares.queue_arn
}

output "definition" {
  description = "Job definition that prints a square."
  value       = module.squares.definition_arns["square"]
}

output "log_group" {
  description = "Log group with what jobs print."
  value       = module.squares.log_group_name
}
