output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "subnet_ids" {
  description = "Private subnets, one in each zone."
  value       = module.network.subnet_ids
}
