locals {
  own_name = one(flatten([for domain in local.domain : domain.names[0]]))
  url = (
    var.emulator == null
    ? "https://${coalesce(local.own_name, aws_cloudfront_distribution.this.domain_name)}/"
    # Browsers resolve names below localhost to this computer.
    : "http://${replace(aws_cloudfront_distribution.this.domain_name, "/\\.net$/", ".localhost")}:${regex("[0-9]+$", var.emulator.endpoint)}/"
  )
}

output "url" {
  description = "Address of the site, with a slash at its end."
  value       = local.url
  # The address is given out once the site is complete.
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
