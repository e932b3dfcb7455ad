output "vpc_id" {
  description = "The VPC."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "Private subnets in two or more availability zones."
  value = coalescelist(
    [for subnet in aws_subnet.private : subnet.id],
    try(var.settings.existing.subnet_ids, []),
  )
}

output "endpoints" {
  description = "Security group of the endpoints of AWS's services; null in a VPC that was there, whose way to AWS is its owner's."
  value       = var.settings.own == null ? null : { security_group_id = aws_security_group.endpoints["this"].id }
}

output "prefix_list_ids" {
  description = "Prefix lists of the gateway endpoints, by service, to which the security group of a function that calls one must open port 443."
  value       = { for service, gateway in aws_vpc_endpoint.gateway : service => gateway.prefix_list_id }
}
