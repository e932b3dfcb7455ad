data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Other accounts share the names of buckets.
  bucket     = "${var.name}-${data.aws_caller_identity.current.account_id}"
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${local.bucket}"

  api    = var.api == null ? {} : { this = var.api }
  domain = var.domain == null ? {} : { this = var.domain }

  # CloudFront's own policies, whose identifiers are the same in every account:
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
  cache_as_files_say     = "658327ea-f89d-4fab-a63d-7e88639e58f6" # CachingOptimized
  cache_nothing          = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" # CachingDisabled
  forward_all_but_server = "b689b0a8-53d0-40ab-baf2-68738e2966ac" # AllViewerExceptHostHeader

  # Content security policy: only the page's own files and its own origin, to which the API
  # belongs too, so that no page of another origin can use it.
  content_security_policy = join("; ", [
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # An icon without a request.
    "img-src 'self' data:",
    "script-src 'self'",
    "style-src 'self'",
  ])
}

# --- the files -------------------------------------------------------------------------------

module "bucket" {
  source = "../bucket"

  name = local.bucket
  # The commit has the files.
  deletion_protection = false
  policies            = [data.aws_iam_policy_document.bucket.json]
  emulator            = var.emulator
  tags                = var.tags
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "ReadByDistribution"
    actions   = ["s3:GetObject"]
    resources = [for name in keys(var.files) : "${local.bucket_arn}/${name}"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }
}

resource "aws_s3_object" "file" {
  # checkov:skip=CKV_AWS_186:Keys that S3 manages; the files are public anyway
  for_each = var.files

  bucket        = module.bucket.name
  key           = each.key
  content       = each.value.content
  content_type  = each.value.content_type
  cache_control = "public, max-age=${each.value.cache_seconds}"
  # Changes with the content, which the provider does not compare by itself.
  source_hash = md5(each.value.content)
  tags        = var.tags
}

# --- the distribution ------------------------------------------------------------------------

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "Signs the requests of the distribution of ${var.name} to its bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_response_headers_policy" "this" {
  # checkov:skip=CKV_AWS_259:All but preloading, for which the owner of a domain has to ask
  name    = var.name
  comment = "Browser security headers of ${var.name}"

  security_headers_config {
    content_security_policy {
      content_security_policy = local.content_security_policy
      override                = true
    }

    content_type_options {
      override = true
    }

    # For browsers that do not know frame-ancestors.
    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 365 * 24 * 3600
      include_subdomains         = anytrue([for domain in local.domain : domain.hsts_subdomains])
      override                   = true
    }
  }

  # Do not reveal S3's metadata of the object.
  remove_headers_config {
    dynamic "items" {
      for_each = toset(["x-amz-server-side-encryption", "x-amz-tagging-count", "x-amz-version-id"])

      content {
        header = items.value
      }
    }
  }

  custom_headers_config {
    items {
      header   = "Permissions-Policy"
      value    = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
      override = true
    }

    items {
      header   = "Cross-Origin-Opener-Policy"
      value    = "same-origin"
      override = true
    }
  }
}

module "firewall" {
  source   = "../firewall"
  for_each = var.firewall == null ? {} : { this = var.firewall }

  name  = var.name
  scope = "CLOUDFRONT"
  limit = each.value
  tags  = var.tags
}

resource "aws_cloudfront_distribution" "this" {
  # checkov:skip=CKV_AWS_86:CloudFront's log names the visitors' addresses, which are personal data
  # checkov:skip=CKV_AWS_68:The API behind it has a throttle of its own; the settings may add a firewall
  # checkov:skip=CKV2_AWS_47:See CKV_AWS_68; nothing here runs Java
  # checkov:skip=CKV_AWS_310:S3 keeps the files in several zones; a second bucket would add another way to be out of date
  # checkov:skip=CKV_AWS_374:The page is open to every country
  # checkov:skip=CKV2_AWS_42:A certificate comes with `domain`
  # checkov:skip=CKV_AWS_174:With `domain` it is TLS 1.2; CloudFront does not allow a choice for its own name
  comment             = var.description
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  default_root_object = "index.html"
  web_acl_id          = one([for firewall in module.firewall : firewall.arn])
  aliases             = flatten([for domain in local.domain : domain.names])
  # The nearest place: the cheaper classes leave out South America.
  price_class = "PriceClass_All"
  # The emulator deploys at once, but the provider looks only after 30 s.
  wait_for_deployment = var.emulator == null
  tags                = var.tags

  origin {
    origin_id                = "files"
    domain_name              = module.bucket.domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  dynamic "origin" {
    for_each = local.api

    content {
      origin_id   = "api"
      domain_name = origin.value.host
      origin_path = "/${origin.value.stage}"

      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
      }
    }
  }

  default_cache_behavior {
    target_origin_id           = "files"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = local.cache_as_files_say
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
  }

  dynamic "ordered_cache_behavior" {
    for_each = toset(flatten([for api in local.api : api.paths]))

    content {
      path_pattern     = ordered_cache_behavior.value
      target_origin_id = "api"
      # CloudFront takes these or none that writes.
      allowed_methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
      cached_methods  = ["GET", "HEAD"]
      # A redirect does not protect data that was already sent in the open.
      viewer_protocol_policy     = "https-only"
      compress                   = true
      cache_policy_id            = local.cache_nothing
      origin_request_policy_id   = local.forward_all_but_server
      response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = one([for domain in local.domain : domain.certificate_arn])
    ssl_support_method             = var.domain == null ? null : "sni-only"
    # Of CloudFront's own name this is the only value, and browsers agree on TLS 1.2 or 1.3 by themselves.
    minimum_protocol_version = var.domain == null ? "TLSv1" : "TLSv1.2_2021"
  }
}

# --- the alarm -------------------------------------------------------------------------------

# CloudFront counts in one region, whichever the bucket is in, and an alarm looks at its own only.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = data.aws_region.current.id == "us-east-1" ? { errors = "5xxErrorRate" } : {}

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "More than 5 % of what was asked of ${var.name} ended with an error of the server for 15 minutes. If its API is well, look at the distribution and at the bucket's policy."
  namespace           = "AWS/CloudFront"
  metric_name         = each.value
  dimensions          = { DistributionId = aws_cloudfront_distribution.this.id, Region = "Global" }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
