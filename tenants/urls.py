from django.contrib.auth import views as auth
from django.urls import path

from tenants import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in", views.SignIn.as_view(), name="sign-in"),
    path("theme", views.set_theme, name="set-theme"),
    path("sign-out", auth.LogoutView.as_view(), name="sign-out"),
]
