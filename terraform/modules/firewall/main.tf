data "aws_region" "current" {}

locals {
  answer = "too-many-requests"
}

resource "aws_wafv2_web_acl" "this" {
  # checkov:skip=CKV_AWS_192:No program behind it logs with Java
  # checkov:skip=CKV2_AWS_31:Its log names the callers' addresses, which are personal data; the metrics count what is blocked
  name        = var.name
  description = "Bounds the requests of each address to ${var.name}"
  scope       = var.scope
  tags        = var.tags

  default_action {
    allow {}
  }

  # As API Gateway answers when its own throttle refuses a request.
  custom_response_body {
    key          = local.answer
    content      = jsonencode({ message = "Too Many Requests" })
    content_type = "APPLICATION_JSON"
  }

  rule {
    name     = "rate"
    priority = 1

    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = local.answer

          response_header {
            name  = "Retry-After"
            value = tostring(var.limit.seconds)
          }
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "IP"
        limit                 = var.limit.requests
        evaluation_window_sec = var.limit.seconds
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-rate"
      # Samples hold the callers' addresses.
      sampled_requests_enabled = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }

  lifecycle {
    precondition {
      condition     = var.scope == "REGIONAL" || data.aws_region.current.id == "us-east-1"
      error_message = "The firewall ${var.name} of a CloudFront distribution can only be made in us-east-1. Deploy there, or leave the firewall out."
    }
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  for_each = var.protected

  resource_arn = each.value
  web_acl_arn  = aws_wafv2_web_acl.this.arn
}
