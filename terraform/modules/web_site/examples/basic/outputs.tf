output "url" {
  description = "Address of the site."
  value       = module.site.url
}

output "domain_name" {
  description = "CloudFront's name of the site."
  value       = module.site.domain_name
}
