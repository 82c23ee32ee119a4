resource "aws_s3_bucket" "models" {
  bucket = "company-models"
}

resource "aws_iam_role" "registry" {
  name = "registry"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.example" }
      Condition = { StringEquals = { "oidc.eks.example:sub" = "system:serviceaccount:models:registry" } }
    }]
  })
}

resource "aws_iam_role_policy" "registry" {
  role = aws_iam_role.registry.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Weights"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "${aws_s3_bucket.models.arn}/*"
    }]
  })
}
