locals {
  own_name = one(flatten([for domain in local.domain : domain.names[0]]))
  # Every browser takes a name below localhost for this computer.
  emulated = "http://${replace(aws_cloudfront_distribution.this.domain_name, "/\\.net$/", ".localhost")}"
}

output "url" {
  description = "Address of the site, with a slash at its end."
  value = (
    var.emulator_endpoint == null
    ? "https://${coalesce(local.own_name, aws_cloudfront_distribution.this.domain_name)}/"
    : "${local.emulated}:${regex("[0-9]+$", coalesce(var.emulator_endpoint, "0"))}/"
  )
  # Nobody is told of it before all of it is there.
  depends_on = [aws_s3_object.file, module.bucket]
}

output "domain_name" {
  description = "CloudFront's name of the site, to which own names are aliases."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "bucket" {
  description = "Bucket of the files."
  value       = module.bucket.name
}

output "alarm_names" {
  description = "Names of the site's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
